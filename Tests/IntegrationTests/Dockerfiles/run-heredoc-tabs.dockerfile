FROM busybox
RUN <<-EOF
	echo tab > /out
	EOF
