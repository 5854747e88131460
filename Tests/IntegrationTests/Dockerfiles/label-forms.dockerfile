FROM corpus-base
LABEL a=1 b="2 2" "c d"=3
LABEL e f g
LABEL multi="one\
 two"
#: peers docker buildah
