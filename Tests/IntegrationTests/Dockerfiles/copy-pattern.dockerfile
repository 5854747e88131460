FROM corpus-base
COPY *.txt /txt/
COPY dir/*/two.tx? /deep/
#: peers docker buildah
