//! The treasury program on Solana. Layouts are those of the source published in 2024.

use perpdex_core::{
    Carrier, CollateralFlow, DecodeUnit, Decoded, Disposition, EventBody, FlowDirection, FlowScope, TokenAmount, VenueSlug,
};

use crate::anchor::{self, AnchorEvent, Found, event, wide};
use crate::borsh::{Pubkey, borsh_struct};
use crate::emit::{DecodeError, Emitter};

/// Program id.
pub(super) const PROGRAM: &str = "EhUtRgu9iEbZXXRpEvDj6n1wnQRjMi2SERDo3c6bmN2c";

const COUNTER_PARTY: &str = "the venue's own money on its way to a counterparty, no trader's";

/// Events of the layout file beside the vaults' ABI.
pub(super) const LAYOUT: &[AnchorEvent; 6] = &[
    event(0xb763_39b2_9f23_bdbf, "DepositSolEvent", Disposition::Mapped),
    event(0xc1c1_9432_26bd_5990, "DepositTokenEvent", Disposition::Mapped),
    event(0xeeeb_64a9_c0a2_5e67, "WithdrawSolEvent", Disposition::Mapped),
    event(0x188f_cc22_c07f_d9dc, "WithdrawTokenEvent", Disposition::Mapped),
    event(0x5c01_a5ef_0bf2_85f8, "WithdrawSolToCounterPartyEvent", Disposition::Ignored(COUNTER_PARTY)),
    event(0x776a_55c9_e9ae_ca37, "TransferTokenToCounterPartyEvent", Disposition::Ignored(COUNTER_PARTY)),
];

borsh_struct! {
    /// `DepositSolEvent`.
    struct DepositSol {
        from: Pubkey,
        to: Pubkey,
        signer: Pubkey,
        amount: u64,
    }

    /// `DepositTokenEvent`.
    struct DepositToken {
        token_mint: Pubkey,
        bank: Pubkey,
        from: Pubkey,
        to: Pubkey,
        signer: Pubkey,
        amount: u64,
    }

    /// `WithdrawSolEvent`.
    struct WithdrawSol {
        from: Pubkey,
        to: Pubkey,
        signer: Pubkey,
        amount: u64,
        idempotent: u64,
        dead_line: u32,
    }

    /// `WithdrawTokenEvent`.
    struct WithdrawToken {
        token_mint: Pubkey,
        bank: Pubkey,
        from: Pubkey,
        to: Pubkey,
        signer: Pubkey,
        amount: u64,
        idempotent: u64,
    }
}

/// Decodes the program's records of one transaction.
pub(super) fn decode(unit: &DecodeUnit<'_>, slug: VenueSlug) -> Decoded {
    let mut emitter = Emitter::new(unit, slug);
    for found in anchor::events(unit, (Carrier::Log, LAYOUT, "abi/aster_vault/treasury.json"), &mut emitter) {
        match flow(&found) {
            Ok(flow) => emitter.event(found.record, None, EventBody::CollateralFlow(flow)),
            Err(error) => emitter.failure(found.record, found.name, error),
        }
    }
    emitter.finish()
}

/// Who deposits signs; who withdraws is paid.
fn flow(found: &Found<'_>) -> Result<CollateralFlow, DecodeError> {
    let sol = || anchor::SOL.to_owned();
    Ok(match found.name {
        "DepositSolEvent" => found.read().map(|event: DepositSol| moved(FlowDirection::In, event.signer, sol(), event.amount))?,
        "DepositTokenEvent" => {
            found.read().map(|event: DepositToken| moved(FlowDirection::In, event.signer, event.token_mint.to_string(), event.amount))?
        }
        "WithdrawSolEvent" => found.read().map(|event: WithdrawSol| moved(FlowDirection::Out, event.to, sol(), event.amount))?,
        _ => found.read().map(|event: WithdrawToken| moved(FlowDirection::Out, event.to, event.token_mint.to_string(), event.amount))?,
    })
}

fn moved(direction: FlowDirection, account: Pubkey, token: String, amount: u64) -> CollateralFlow {
    CollateralFlow {
        account: account.to_string().into(),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: wide(amount), token: token.into() },
        fee_native: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::borsh::Borsh;

    #[test]
    fn layout_is_that_of_the_file() {
        let declared = [
            ("DepositSolEvent", DepositSol::kind()),
            ("DepositTokenEvent", DepositToken::kind()),
            ("WithdrawSolEvent", WithdrawSol::kind()),
            ("WithdrawTokenEvent", WithdrawToken::kind()),
        ];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../../abi/aster_vault/treasury.json"));
    }
}
