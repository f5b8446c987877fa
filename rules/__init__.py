"""The law: what a CloudMask submission must satisfy. Rules read evidence and never run anything."""
