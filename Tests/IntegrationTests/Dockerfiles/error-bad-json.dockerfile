FROM busybox
SHELL bash
#: fails JSON form
