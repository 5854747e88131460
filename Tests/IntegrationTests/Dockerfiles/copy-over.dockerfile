FROM corpus-base
COPY a.txt /f
COPY b.txt /f
COPY dir /d
COPY dir/one.txt /d/sub/
#: peers docker buildah
