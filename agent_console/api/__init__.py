"""The call center for other programs: REST v1, its keys, the event stream, webhooks."""
