FROM busybox
HEALTHCHECK --interval=soon CMD x
#: fails expected a duration
