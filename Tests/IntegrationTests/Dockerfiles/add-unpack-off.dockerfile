FROM corpus-base
ADD --unpack=false packed.tar /kept/
