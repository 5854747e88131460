FROM corpus-base
ENV set=value
ENV d1=${unset:-default} d2=${set:-default} p1=${unset:+there} p2=${set:+there}
#: peers docker buildah
