FROM corpus-base
ARG TARGETARCH
ARG TARGETOS
RUN echo "$TARGETOS/$TARGETARCH" > /out
#: peers buildah
