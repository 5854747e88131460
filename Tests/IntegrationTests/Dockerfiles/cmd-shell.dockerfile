FROM busybox
CMD echo $HOME
#: peers docker buildah
