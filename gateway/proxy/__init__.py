"""The engine: HTTP and TLS on mitmproxy's layers, and one seam, the Gate, that decides. Nothing of policy."""

from gateway.proxy.lean import keep_addons_out, quicken_lookups, spare_annotations

keep_addons_out()
spare_annotations()
quicken_lookups()
