"""The official Kubernetes client."""

import os
from urllib.parse import urlsplit

from kubernetes import client
from urllib3 import make_headers

configuration = client.Configuration(host="https://k8s.corp.test")
configuration.ssl_ca_cert = os.environ["SSL_CERT_FILE"]
configuration.proxy = os.environ["HTTPS_PROXY"]
gateway = urlsplit(configuration.proxy)
configuration.proxy_headers = make_headers(proxy_basic_auth=f"{gateway.username}:{gateway.password}")
configuration.api_key = {"authorization": "Bearer upstream"}
api = client.ApiClient(configuration)
core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
print(core.list_namespaced_pod("prod").kind)
apps.patch_namespaced_deployment_scale("web", "prod", {"spec": {"replicas": 3}})
core.delete_namespaced_pod("web-1", "prod")
