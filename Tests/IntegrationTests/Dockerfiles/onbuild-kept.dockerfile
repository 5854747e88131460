FROM corpus-base
ONBUILD RUN echo late > /late
ONBUILD ENV LATE=1
#: peers docker buildah
