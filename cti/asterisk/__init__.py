"""Asterisk behind the call model: AMI, FastAGI, dialplan, recovery."""
