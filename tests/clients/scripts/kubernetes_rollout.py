"""The official Kubernetes client."""

import os

from kubernetes import client

configuration = client.Configuration(host="https://k8s.corp.test")
configuration.ssl_ca_cert = os.environ["SSL_CERT_FILE"]
configuration.proxy = os.environ["HTTPS_PROXY"]
configuration.proxy_headers = None
configuration.api_key = {"authorization": "Bearer upstream"}
api = client.ApiClient(configuration)
core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
print(core.list_namespaced_pod("prod").kind)
apps.patch_namespaced_deployment_scale("web", "prod", {"spec": {"replicas": 3}})
core.delete_namespaced_pod("web-1", "prod")
