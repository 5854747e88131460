# first
FROM busybox
# second
RUN echo "# no comment" > /out
   # indented
#: peers docker buildah
