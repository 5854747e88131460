FROM corpus-base
ENV a=old
ENV a=new b=$a
#: peers docker buildah
