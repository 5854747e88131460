# escape=x
FROM busybox
#: fails escape
