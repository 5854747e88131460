# first
FROM corpus-base
# second
RUN echo "# no comment" > /out
   # indented
#: peers docker buildah
