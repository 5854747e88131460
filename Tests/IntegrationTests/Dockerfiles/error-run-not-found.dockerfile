FROM busybox
RUN ["/no/such"]
#: fails
