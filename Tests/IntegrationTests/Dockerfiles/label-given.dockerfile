FROM busybox
LABEL a=file
#: label a=given
#: label b=more
