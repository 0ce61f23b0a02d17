// Package agent runs the proxy of one client as a process of its own, as ssh-agent does with
// a command: rdsiam starts the agent and becomes the client, and the agent ends with it.
//
// The agent is in a session of its own and no child of the client: a terminal's signals do
// not reach it, and a program that waits for its children does not wait for it. It says what
// it has to say before the client runs, and nothing afterwards.
package agent

// Command is the hidden command of rdsiam that is the agent.
const Command = "agent"

// detach is the first argument of a process between: it starts the agent and ends, so that
// the agent is nobody's child.
const detach = "--detach"
