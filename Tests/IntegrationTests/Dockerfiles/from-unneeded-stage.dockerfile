FROM corpus-base AS broken
RUN exit 7
FROM corpus-base
RUN echo fine > /fine
#: peers buildah
