FROM busybox
RUN --security=insecure true
#: fails insecure
