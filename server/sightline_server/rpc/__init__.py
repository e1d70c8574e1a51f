"""The service on the wire: handlers without rules of the domain.

- `session_service`: one method for each RPC: unwrap, call, wrap
- `status`: the one table from errors to status codes
- `decoding`: requests whose bytes are no message
- `auth`: who may call over TCP
- `server`: listeners, health, reflection, going down
"""
