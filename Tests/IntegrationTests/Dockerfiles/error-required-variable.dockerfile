FROM busybox
ENV a=${b:?give it}
#: fails give it
