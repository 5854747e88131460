FROM busybox
EXPOSE x
#: fails containerPort
