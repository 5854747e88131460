FROM corpus-base
RUN <<-EOF
	echo tab > /out
	EOF
