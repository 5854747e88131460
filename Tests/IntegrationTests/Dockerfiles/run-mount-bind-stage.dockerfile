FROM busybox AS made
RUN echo made > /made
FROM busybox
RUN --mount=from=made,source=/made,target=/in cat /in > /out
#: peers buildah
