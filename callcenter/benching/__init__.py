"""What `callcenter bench` is made of: load, contenders, stop-watches."""
