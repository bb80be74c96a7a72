"""Twilio behind the call model: webhooks and TwiML one way, REST the other."""
