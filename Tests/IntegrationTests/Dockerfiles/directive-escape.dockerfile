# escape=`
FROM corpus-base
RUN echo one > /out; `
  echo two >> /out
ENV a=b` c
#: peers docker buildah
