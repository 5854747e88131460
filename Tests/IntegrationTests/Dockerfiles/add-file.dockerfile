FROM corpus-base
ADD a.txt /a.txt
ADD dir /dir
#: peers docker buildah
