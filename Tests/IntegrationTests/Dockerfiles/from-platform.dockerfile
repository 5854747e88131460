FROM --platform=$BUILDPLATFORM corpus-base
RUN echo x > /x
#: peers buildah
