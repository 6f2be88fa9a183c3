"""`make bench`: EchoNode measured with stock pynetdicom, DCMTK and Orthanc on the same work.

Rules
- Every contender of a benchmark does the same work in the same run, interleaved (A B C A B C ...),
  after a warm-up round that is not counted; a figure is the median of at least five rounds.
- Real programs on both sides. EchoNode receives with `echonode run`, durable, and sends with its
  own Requestor in a process of its own; no figure comes from a part taken out of its surroundings,
  but for the one whose name says "without disk".
- Nothing counts unless it arrived: each round compares the receiver's own count with what was sent,
  and a sender that saw another status than success has failed.
- Every send is of new SOP Instance UIDs, since an archive drops what it already has.
- A ratio above 1 always means that EchoNode is better: EchoNode / peer where higher is better,
  peer / EchoNode where lower is.
- A goal is met by measurement only: without a figure of EchoNode's own it is not met.
"""
