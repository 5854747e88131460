FROM busybox
CMD ["base"]
ENTRYPOINT ["/bin/echo"]
#: peers docker buildah
