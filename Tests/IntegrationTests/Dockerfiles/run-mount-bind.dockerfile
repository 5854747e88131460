FROM busybox
RUN --mount=type=bind,source=dir,target=/in cat /in/one.txt > /out
#: peers buildah
