FROM busybox
ADD --unpack=false packed.tar /kept/
