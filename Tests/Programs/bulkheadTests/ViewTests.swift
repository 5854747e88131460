import Testing

@testable import bulkhead

@Suite struct ViewTests {
  @Test func writesPorts() throws {
    let ports = try JSONParser.parse(
      #"[{"PrivatePort":443,"Type":"tcp"},{"IP":"::","PrivatePort":80,"PublicPort":81,"Type":"tcp"},{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":81,"Type":"tcp"}]"#
    )
    #expect(PortText.line(ports.items) == "0.0.0.0:81->80/tcp, [::]:81->80/tcp, 443/tcp")
  }

  @Test func writesEvents() throws {
    let event = try JSONParser.parse(
      #"{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{"name":"web","image":"x"}},"timeNano":1000000000}"#
    )
    #expect(Events.line(event) == "1970-01-01T00:00:01.000000000Z container start abc (image=x, name=web)")
  }

  @Test func computesTheShareOfProcessors() throws {
    func sample(_ used: Int, _ system: Int) -> JSONValue {
      ["cpu_stats": ["cpu_usage": ["total_usage": .int(used)], "system_cpu_usage": .int(system), "online_cpus": 2]]
    }
    #expect(Usage.processorPercent(sample(1_500, 12_000), sample(500, 10_000)) == 100)
    #expect(Usage.processorPercent(sample(500, 12_000), sample(500, 10_000)) == 0)
    #expect(Usage.processorPercent(sample(500, 12_000), nil) == 0)
  }

  @Test(arguments: [Int64.min, .max])
  func takesWhateverNumbersTheEngineSays(_ number: Int64) throws {
    let event = try JSONParser.parse(#"{"Type":"x","time":\#(number)}"#)
    #expect(Events.line(event).hasPrefix(number > 0 ? "2262-" : "1677-"))
    let sample = try JSONParser.parse(
      #"""
      {"memory_stats":{"usage":\#(number),"limit":\#(number),"stats":{"inactive_file":\#(Int64.min)}},
       "networks":{"a":{"rx_bytes":\#(number),"tx_bytes":\#(number)},"b":{"rx_bytes":\#(number),"tx_bytes":\#(number)}},
       "blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":\#(number)},{"op":"read","value":\#(number)}]}}
      """#)
    #expect(Usage(sample, earlier: sample).fields.count == 9)
    #expect(Units.date(nanoseconds: number).utf8.count == 30)
    #expect(Units.now().minus(number) == (number > 0 ? Units.now() - number : .max))
    #expect(Int64(2).times(number) == number)
  }

  @Test func showsTheDoctorsReport() throws {
    let report = try JSONParser.parse(
      #"{"checks":[{"id":"a","title":"Kernel","status":"ok","found":"6.1","advice":""},{"id":"b","title":"crun","status":"fail","found":"nothing","advice":"apt-get install crun"}]}"#
    )
    #expect(
      try Doctor.table(report)
        == "STATUS   CHECK    FOUND\nOK       Kernel   6.1\nFAIL     crun     nothing\n\nWhat to do:\n  crun: apt-get install crun\n"
    )
    #expect(throws: ClientError.self) { try Doctor.table(.null) }
  }
}
