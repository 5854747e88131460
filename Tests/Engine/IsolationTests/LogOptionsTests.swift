import Model
import Testing

@testable import Isolation

@Suite struct LogOptionsTests {
  private static func read(_ driver: String, _ options: [String: String], standard: String = "json-file") throws
    -> LogOptions
  {
    var settings = LogSettings()
    settings.driver = driver
    settings.options = options
    return try LogOptions(settings, defaultDriver: standard)
  }

  @Test func readsWhatIsSaid() throws {
    let options = try Self.read(
      "journald",
      [
        "max-size": "64k", "max-file": "2", "max-age": "12h", "tag": "a/{{.Name}}", "labels": "x, y,,", "env": "Z",
        "mode": "non-blocking", "compress": "false",
      ])
    #expect(options.driver == .journald && options.driver.sendsOn)
    #expect(options.maxSizeBytes == 65_536 && options.maxFiles == 2 && options.maxAgeSeconds == 43_200)
    #expect(options.tag == "a/{{.Name}}" && options.labels == ["x", "y"] && options.environment == ["Z"])
    let nothing = try Self.read("", [:], standard: "local")
    #expect(nothing.driver == .local && nothing.maxSizeBytes == nil && nothing.maxAgeSeconds == nil)
    #expect(try Self.read("", ["max-size": "-1"]).maxSizeBytes == .max)
  }

  private static let refused: [(driver: String, option: String, value: String, code: PlatformError.Code)] = [
    ("json-file", "max-size", "10x", .invalidArgument), ("json-file", "max-size", "100", .invalidArgument),
    ("json-file", "max-size", "-2", .invalidArgument), ("json-file", "max-size", "", .invalidArgument),
    ("json-file", "max-size", "99999999999999999999g", .invalidArgument),
    ("json-file", "max-size", "9000000000g", .invalidArgument), ("json-file", "max-file", "0", .invalidArgument),
    ("json-file", "max-file", "many", .invalidArgument), ("json-file", "max-age", "30", .invalidArgument),
    ("json-file", "max-age", "-1d", .invalidArgument), ("json-file", "max-age", "999999999999999d", .invalidArgument),
    ("json-file", "compress", "true", .notImplemented), ("local", "compress", "1", .notImplemented),
    ("json-file", "mode", "fast", .invalidArgument), ("json-file", "max-buffer-size", "4m", .notImplemented),
    ("json-file", "labels-regex", "x", .notImplemented), ("journald", "env-regex", "x", .notImplemented),
    ("syslog", "labels", "x", .notImplemented), ("syslog", "env", "x", .notImplemented),
    ("json-file", "tag", "{{.Nope}}", .invalidArgument), ("json-file", "syslog-address", "udp://h", .invalidArgument),
    ("syslog", "syslog-address", "/dev/log", .invalidArgument),
    ("syslog", "syslog-address", "udp://", .invalidArgument),
    ("syslog", "syslog-address", "udp://h:0", .invalidArgument),
    ("syslog", "syslog-address", "udp://h:70000", .invalidArgument),
    ("syslog", "syslog-address", "udp://a b", .invalidArgument),
    ("syslog", "syslog-address", "udp://[::1", .invalidArgument),
    ("syslog", "syslog-address", "unix://dev/log", .invalidArgument),
    ("syslog", "syslog-address", "tcp+tls://h", .notImplemented),
    ("syslog", "syslog-facility", "local9", .invalidArgument), ("syslog", "syslog-format", "rfc1", .invalidArgument),
    ("syslog", "syslog-tls-ca-cert", "/x", .notImplemented), ("none", "max-size", "1m", .invalidArgument),
    ("json-file", "whatever", "x", .invalidArgument),
  ]

  @Test(arguments: refused.indices)
  func namesWhatItDoesNotTake(index: Int) {
    let (driver, option, value, code) = Self.refused[index]
    let failed = failure { _ = try Self.read(driver, [option: value]) }
    #expect(failed.code == code, "\(failed.message)")
    #expect(failed.message.contains("'\(option)'"), "\(failed.message)")
  }

  @Test(arguments: [
    ("unix:///dev/log", "unixgram:///dev/log"), ("unixgram:///dev//x/../log", "unixgram:///dev/log"),
    ("udp://192.0.2.1", "udp://192.0.2.1:514"), ("tcp://Log.Example.org:601", "tcp://log.example.org:601"),
    ("udp://[2001:db8::1]:5514", "udp://[2001:db8::1]:5514"), ("tcp://[::1]", "tcp://[::1]:514"),
  ])
  func addressesHaveOneSpelling(text: String, canonical: String) throws {
    let address = try SyslogAddress(parsing: text)
    #expect(address.description == canonical)
    #expect(try SyslogAddress(parsing: address.description) == address)
  }

  @Test(arguments: [("kern", 0), ("daemon", 3), ("local0", 16), ("local7", 23), ("5", 5), ("24", nil), ("x", nil)])
  func facilitiesHaveNumbers(text: String, number: Int?) { #expect(SyslogFormat.facility(text) == number) }
}
