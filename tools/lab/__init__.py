"""A call center under glass: the product as its users run it, and the people around it.

`center` runs `callcenter up`, `network` plays the public telephone network and the desk phones
with an Asterisk of its own, `console` speaks the console's protocol, `pages` opens the web
pages, `sound` listens to recordings. For end-to-end tests and for pictures of the pages.
"""
