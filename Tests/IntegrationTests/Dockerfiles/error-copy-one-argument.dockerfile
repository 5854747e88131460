FROM busybox
COPY a.txt
#: fails requires at least two arguments
