FROM busybox
ENV a=${b
#: fails missing
