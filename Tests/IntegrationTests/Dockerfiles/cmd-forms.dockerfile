FROM busybox
CMD echo $HOME
CMD ["echo", "list"]
#: peers docker buildah
