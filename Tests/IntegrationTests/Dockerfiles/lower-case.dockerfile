from corpus-base
run echo x > /x
env a=b
#: peers docker buildah
