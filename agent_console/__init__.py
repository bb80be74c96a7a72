"""The console: log-in, REST, live websocket, web front end."""
