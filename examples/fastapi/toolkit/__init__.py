"""What a Python service needs to share a Redis with an Express app that uses express-redis-toolkit.

The rules are those of docs/redis-layout.md. The functions are written for one Redis server, not for a Cluster, and
expect a client with `decode_responses=True` and short timeouts. Copy the folder, and the Lua scripts that it runs.
"""
