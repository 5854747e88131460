FROM busybox
COPY absent.txt /
#: fails absent.txt
