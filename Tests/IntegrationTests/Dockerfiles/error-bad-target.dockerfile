FROM busybox
#: fails could not be found
#: target nope
