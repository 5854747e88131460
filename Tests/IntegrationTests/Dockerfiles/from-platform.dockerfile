FROM --platform=$BUILDPLATFORM busybox
RUN echo x > /x
#: peers buildah
