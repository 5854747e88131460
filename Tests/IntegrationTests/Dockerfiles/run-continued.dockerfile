FROM corpus-base
RUN echo one > /out; \
  # a comment in between
  echo two >> /out; \
  echo three >> /out
#: peers docker buildah
