FROM busybox
ARG TARGETARCH
ARG TARGETOS
RUN echo "$TARGETOS/$TARGETARCH" > /out
#: peers buildah
