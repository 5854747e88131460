import HTTPServing
import KubeMachinery
import Testing

struct DocumentReaderTests {
  @Test func formsAreMadeCanonicalAndStrangersLeftOut() throws {
    let read = try DocumentReader.read(
      Sample.json(
        #"""
        {"spec":{"size":0.5,"when":"2026-01-01T02:00:00+02:00","exactly":"2026-01-01T00:00:00.5Z","key":"YQ==\n","surge":"25%",
        "foo":1,"paused":null,"labels":{"a":"b","c":null},"amounts":{"cpu":"1000m"},"raw":{"x":[null]},
        "ports":[{"name":"p","colour":"red"}],"args":["a",null]},"bar":{}}
        """#), as: Sample.gadget)
    #expect(
      read.object.encodedText
        == #"{"spec":{"size":"500m","when":"2026-01-01T00:00:00Z","exactly":"2026-01-01T00:00:00.500000Z","key":"YQ==","#
        + #""surge":"25%","labels":{"a":"b","c":""},"amounts":{"cpu":"1"},"raw":{"x":[null]},"ports":[{"name":"p"}],"args":["a",""]}}"#
    )
    #expect(
      read.complaints == [
        #"unknown field "spec.foo""#, #"unknown field "spec.ports[0].colour""#, #"unknown field "bar""#,
      ])
  }

  /// What is checked is what is stored: one of the twins, the same one for both.
  @Test("ATT-060: duplicate keys are told, and the last one counts") func twinsAreToldAndTheLastOneCounts() throws {
    let twins: JSONValue = .object([
      (
        "spec",
        .object([
          ("mode", "a"), ("mode", "b"), ("labels", .object([("x", "1"), ("x", "2")])),
        ])
      )
    ])
    let read = try DocumentReader.read(twins, as: Sample.gadget)
    #expect(read.complaints == [#"duplicate field "spec.mode""#, #"duplicate field "spec.labels.x""#])
    #expect(read.object.encodedText == #"{"spec":{"mode":"b","labels":{"x":"2"}}}"#)
  }

  @Test func complaintsAreBounded() throws {
    let strangers: JSONValue = .object((0..<1_000).map { ("x\($0)", 1) })
    #expect(try DocumentReader.read(strangers, as: Sample.gadget).complaints.count == 100)
  }

  @Test(arguments: [
    (#"[]"#, "json: cannot unmarshal array into Go value of type v1.Gadget"),
    (#"{"spec":[]}"#, "json: cannot unmarshal array into Go struct field Gadget.spec of type v1.GadgetSpec"),
    (
      #"{"spec":{"replicas":"3"}}"#,
      "json: cannot unmarshal string into Go struct field GadgetSpec.spec.replicas of type int32"
    ),
    (
      #"{"spec":{"replicas":3000000000}}"#,
      "json: cannot unmarshal number 3000000000 into Go struct field GadgetSpec.spec.replicas of type int32"
    ),
    (
      #"{"spec":{"replicas":1.5}}"#,
      "json: cannot unmarshal number 1.5 into Go struct field GadgetSpec.spec.replicas of type int32"
    ),
    (
      #"{"spec":{"ports":[{"name":1}]}}"#,
      "json: cannot unmarshal number into Go struct field Port.spec.ports.name of type string"
    ),
    (
      #"{"spec":{"labels":{"a":true}}}"#,
      "json: cannot unmarshal bool into Go struct field GadgetSpec.spec.labels of type string"
    ),
    (
      #"{"spec":{"args":"x"}}"#,
      "json: cannot unmarshal string into Go struct field GadgetSpec.spec.args of type []string"
    ),
    (#"{"spec":{"surge":true}}"#, "json: cannot unmarshal bool into Go value of type int32"),
    (
      #"{"spec":{"size":"lots"}}"#,
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    ),
    (#"{"spec":{"key":"a!"}}"#, "illegal base64 data at input byte 1"),
    (
      #"{"spec":{"when":"soon"}}"#,
      #"parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006""#
    ),
  ])
  func wrongTypesAreToldAsGoTellsThem(_ text: String, _ message: String) throws {
    let document = try Sample.json(text)
    #expect(throws: DocumentError(message: message)) { try DocumentReader.read(document, as: Sample.gadget) }
    #expect(
      throws: DocumentError(message: "Gadget in version \"v1\" cannot be handled as a Gadget: \(message)")
    ) { try Sample.kind.read(document) }
  }

  @Test func strictRequestsNameAllComplaints() {
    #expect(
      Sample.kind.strictRefusal([#"unknown field "spec.bar""#, #"unknown field "foo""#]).message
        == #"Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown field "spec.bar", unknown field "foo""#
    )
  }
}
