import Model
import Testing

@testable import ContainerEngine

@Suite struct VolumeOptionsTests {
  @Test(
    arguments: [
      ("10g", 10 << 30), ("10G", 10 << 30), ("10gb", 10 << 30), ("10GiB", 10 << 30), ("10 g", 10 << 30),
      ("1.5m", 3 << 19), ("1048576", 1 << 20), ("1048576b", 1 << 20), ("0", nil), ("1p", 1 << 50),
    ] as [(String, Int64?)])
  func sizesAreDockers(text: String, bytes: Int64?) throws {
    #expect(try VolumeOptions(["size": text]).limitBytes == bytes)
  }

  @Test(arguments: [
    "", " ", "g", "10x", "-1g", "1e9", "0x10", "10 g b", "10gg", "1.g", ".5g", "1.2.3g", "9999999p", "1023k", "١g",
    "nan", "10g\u{0}", String(repeating: "9", count: 33),
  ])
  func otherSizesAreRefused(text: String) {
    #expect {
      try VolumeOptions(["size": text])
    } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  @Test func whatIsMountedInMemory() throws {
    let memory = try VolumeOptions([
      "type": "tmpfs", "device": "tmpfs", "o": "size=64m,mode=1770,uid=33,gid=44,nr_inodes=1k,noexec,nosuid,ro,rw",
    ]).memory
    #expect(memory?.settings.map(\.name) == ["size", "mode", "nr_inodes"])
    #expect(memory?.settings.map(\.value) == ["67108864", "1770", "1024"])
    #expect(memory?.user == 33 && memory?.group == 44 && memory?.flags == ["noexec", "nosuid"])
    #expect(try VolumeOptions(["type": "tmpfs", "device": "x"]).memory == VolumeOptions.Memory())
    #expect(
      try VolumeOptions(["type": "tmpfs", "device": "x", "o": "size=50%"]).memory?.settings.first?.value == "50%")
    #expect(try VolumeOptions([:]) == VolumeOptions(["size": "0"]))
  }

  @Test(
    arguments: [
      (["foo": "1"], .invalidArgument, "invalid option: \"foo\""),
      (["o": "size=1m"], .invalidArgument, "missing required option: \"type\""),
      (["device": "/dev/sda"], .invalidArgument, "missing required option: \"type\""),
      (["type": "tmpfs"], .invalidArgument, "missing required option: \"device\""),
      (["type": "nfs", "device": ":/x", "o": "addr=10.0.0.1"], .notImplemented, "type=nfs is not supported"),
      (["type": "none", "device": "/etc", "o": "bind"], .notImplemented, "type=none is not supported"),
      (["type": "tmpfs", "device": "t", "size": "1g"], .invalidArgument, "has its size in the option o"),
      (["type": "tmpfs", "device": "t", "o": "size=x"], .invalidArgument, "'o=size=x': expected a size"),
      (["type": "tmpfs", "device": "t", "o": "size=101%"], .invalidArgument, "expected a size"),
      (["type": "tmpfs", "device": "t", "o": "uid=65536"], .invalidArgument, "expected an id below 65536"),
      (["type": "tmpfs", "device": "t", "o": "uid=-1"], .invalidArgument, "expected an id"),
      (["type": "tmpfs", "device": "t", "o": "mode=9"], .invalidArgument, "expected octal digits"),
      (["type": "tmpfs", "device": "t", "o": "mode=17777"], .invalidArgument, "expected octal digits"),
      (["type": "tmpfs", "device": "t", "o": "mpol=bind:0"], .invalidArgument, "'o=mpol=bind:0'"),
      (["type": "tmpfs", "device": "t", "o": "lowerdir=/"], .invalidArgument, "'o=lowerdir=/'"),
    ] as [([String: String], PlatformError.Code, String)])
  func otherOptionsAreRefusedByName(options: [String: String], code: PlatformError.Code, text: String) {
    let error = #expect(throws: PlatformError.self) { try VolumeOptions(options) }
    #expect(error?.code == code && error?.message.contains(text) == true, "\(error?.message ?? "")")
  }
}
